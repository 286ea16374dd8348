import { SignInError } from './problem.ts';

/** Rejects after `millis`: oidc-client-ts has no time limit for the body of a response. */
export function within<Result>(millis: number, response: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new SignInError({ key: 'signIn.timeout' })), millis);
    response.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
