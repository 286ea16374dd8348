import type { TextKey } from '../texts/en.ts';

/** Why a sign-in failed: a text of the page, or the issuer's own description. */
export type Problem = { key: TextKey; values?: Record<string, string> } | { description: string };

/** A failure of a sign-in with a reason for the person. */
export class SignInError extends Error {
  override readonly name = 'SignInError';
  readonly problem: Problem;

  constructor(problem: Problem) {
    super('key' in problem ? problem.key : problem.description);
    this.problem = problem;
  }
}

export function problemOf(error: unknown): Problem {
  if (error instanceof SignInError) {
    return error.problem;
  }
  if (error instanceof TypeError) {
    return { key: 'signIn.unreachable' };
  }
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return { key: 'signIn.timeout' };
  }
  if (error instanceof SyntaxError) {
    // The response is not JSON.
    return { key: 'signIn.refused' };
  }
  return error instanceof Error ? { description: error.message } : { key: 'signIn.unknown' };
}
