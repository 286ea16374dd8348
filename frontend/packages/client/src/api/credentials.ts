/** The outcome of a renewal. `refused`: only a new sign-in helps. `unreachable`: a later attempt may succeed. */
export type Renewal = 'renewed' | 'refused' | 'unreachable';

/** The tokens for the requests. */
export interface Credentials {
  /** The access token; undefined if there is none or it has expired. */
  token(): string | undefined;
  /** Called without a valid token, or after the API rejected the current one. Never rejects. */
  renew(): Promise<Renewal>;
  /** Reports that the API rejected the renewed token, or that there is none. */
  lapse(): void;
}

/**
 * Returns the access token, or null if the session has ended. `rejected` is the token that the API has just rejected, or
 * null for the first token; return another one then. Throw if the issuer can't be reached.
 */
export type TokenFunction = (rejected: string | null) => Promise<string | null>;

/** Credentials that ask a function for tokens. */
export function credentialsFrom(tokenFunction: TokenFunction): Credentials {
  let token: string | null = null;
  let renewal: Promise<Renewal> | null = null;
  async function renew(): Promise<Renewal> {
    const rejected = token;
    try {
      token = await tokenFunction(rejected);
    } catch {
      return 'unreachable';
    }
    return token === null || token === rejected ? 'refused' : 'renewed';
  }
  return {
    token: () => token ?? undefined,
    renew: () => {
      renewal ??= renew().finally(() => {
        renewal = null;
      });
      return renewal;
    },
    lapse: () => {
      token = null;
    },
  };
}
