import { ApiError } from './api-error.ts';
import { CODE_TEXTS } from './code-texts.ts';

/** The text shown for an error. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) {
    return 'Something went wrong on this page. Reload it.';
  }
  if (error.codes.length > 0) {
    return error.codes.map((code) => CODE_TEXTS[code]).join(' ');
  }
  return statusText(error.status);
}

/** The text for a gateway's response, which has no codes. */
function statusText(status: number): string {
  switch (status) {
    case 0:
      return "The server can't be reached.";
    case 401:
      return 'Your session has ended. Sign in again.';
    case 403:
      return 'The server does not allow this.';
    case 404:
      return 'The server has nothing at this address.';
    case 413:
      return CODE_TEXTS.body_too_large;
    case 429:
      return 'Too many requests in a short time. Wait a moment.';
    case 500:
      return CODE_TEXTS.internal_error;
    case 408:
    case 502:
    case 503:
    case 504:
      return CODE_TEXTS.unavailable;
    default:
      return `The server answered with an error (${status}).`;
  }
}
