import { SafeStorage } from '@cruddur/client';

/** Shared by all tabs; survives restarts of the browser. */
export const local = new SafeStorage(() => localStorage);

/** Belongs to one tab; survives reloads. */
export const session = new SafeStorage(() => sessionStorage);
