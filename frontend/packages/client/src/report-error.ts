import type { ErrorReport } from './reports.ts';

/**
 * Calls `onError` with the report of an error, at most once a minute for a kind, and ten times in the life of a page. Its code is
 * in the chunk of the events, which is loaded anyway.
 */
export async function reportError(error: unknown, onError: (report: ErrorReport) => void): Promise<void> {
  const { report } = await import('./live/live.ts');
  report(error, onError);
}
