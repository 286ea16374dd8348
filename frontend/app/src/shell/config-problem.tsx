import { usePageTexts } from '../texts/texts.tsx';
import { Logo } from './logo.tsx';

/** Why the page can't start, for the person who deploys it. */
export function ConfigProblem({ reason }: { reason: string }) {
  const { text, rich } = usePageTexts();
  return (
    <main className="cruddur-plain-page">
      <div className="cruddur-plain-card">
        <Logo />
        <h1>{text('config.title', { app: text('app') })}</h1>
        <p className="cruddur-problem" role="alert" lang="en" dir="ltr">
          {reason}
        </p>
        <p>{rich('config.text', { file: <code key="file">config.json</code> })}</p>
      </div>
    </main>
  );
}
