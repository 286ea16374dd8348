import { type ErrorReport, reportError } from '@cruddur/client';
import { faults } from './faults.ts';

/** Reports the errors of the page to a URL. */
export function startErrorReports(url: string): void {
  faults.send = (report) => send(url, report);
  faults.report = (error) => void reportError(error, (report) => send(url, report));
  window.addEventListener('error', ({ error }) => error && faults.report?.(error));
  window.addEventListener('unhandledrejection', ({ reason }) => faults.report?.(reason));
}

/** Sends a report, also while the page is being closed. Needs no CORS at the server, and sends no cookies. */
function send(url: string, report: ErrorReport): void {
  const body = JSON.stringify(report);
  fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'omit', keepalive: true, body }).catch(() => undefined);
}
