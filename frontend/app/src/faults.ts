import type { ErrorReport } from '@cruddur/client';

interface Faults {
  report?: (error: unknown) => void;
  send?: (report: ErrorReport) => void;
}

/** Where errors of the page are reported. Empty without an `error_url` in `config.json`. */
export const faults: Faults = {};
