export { Welcome } from '../auth/welcome.tsx';
export { ConfigProblem } from './config-problem.tsx';
export { HandleNotice } from './handle-notice.tsx';
export { NotFound } from './not-found.tsx';
export { NotProvisioned } from './not-provisioned.tsx';
export { Settings } from './settings.tsx';
