// The only module with oidc-client-ts: it is loaded for signing in.
import { ErrorResponse, OidcClient, type StateStore } from 'oidc-client-ts';
import type { Config } from '../config.ts';
import { SignInError } from './problem.ts';
import { type Session, fieldsOf, sessionOf } from './session.ts';
import { local, session as tab } from './storage.ts';
import { within } from './within.ts';

/** What a sign-in takes along to its end. */
interface SignInState {
  from: string;
  onlyHere: boolean;
}

/** Milliseconds for a response of the issuer. */
const TIMEOUT = 15_000;

/**
 * The URL of the issuer's page for a sign-in with an authorization code and PKCE. With `isAfterLapse`, the issuer asks for
 * credentials: from a session that it remembers, it would issue tokens of the sign-in that the API rejects.
 */
export async function signInUrl(config: Config, redirectUri: string, state: SignInState, isAfterLapse: boolean): Promise<string> {
  const prompt = isAfterLapse ? { prompt: 'login' } : {};
  const { url } = await clientOf(config, redirectUri).createSigninRequest({ state, ...prompt });
  return url;
}

/** Completes a sign-in at the URL to which the issuer redirected. Also returns the state of the sign-in. */
export async function completeSignIn(
  config: Config,
  redirectUri: string,
  url: string,
): Promise<{ session: Session; state: Record<string, unknown> }> {
  try {
    const response = await within(2 * TIMEOUT, clientOf(config, redirectUri).processSigninResponse(url));
    const session = sessionOf(response);
    if (session === null) {
      throw new SignInError({ key: 'signIn.noToken' });
    }
    return { session, state: fieldsOf(response.userState) };
  } catch (error) {
    throw signInError(error);
  }
}

function clientOf({ authority, clientId, scope }: Config, redirectUri: string): OidcClient {
  return new OidcClient({
    authority,
    client_id: clientId,
    scope,
    redirect_uri: redirectUri,
    response_type: 'code',
    // Over plain HTTP, browsers have no SHA-256 for PKCE. Only the local stack accepts such a page.
    disablePKCE: !window.isSecureContext,
    stateStore: pendingSignIns(),
    requestTimeoutInSeconds: TIMEOUT / 1000,
  });
}

function signInError(error: unknown): unknown {
  if (error instanceof ErrorResponse) {
    const description = error.error_description ?? error.error;
    return new SignInError(description ? { description } : { key: 'signIn.refused' });
  }
  // The redirect belongs to another sign-in than those of this tab.
  const isUnknown = error instanceof Error && !(error instanceof TypeError) && /state/i.test(error.message);
  return isUnknown ? new SignInError({ key: 'signIn.otherWindow' }) : error;
}

/** The store of sign-ins in progress. They belong to the tab, unless the browser denies sessionStorage. */
function pendingSignIns(): StateStore {
  const prefix = 'cruddur.sign-in.';
  const storage = tab.works() ? tab : local;
  return {
    set: async (key, value) => void storage.set(prefix + key, value),
    get: async (key) => storage.get(prefix + key),
    remove: async (key) => {
      const value = storage.get(prefix + key);
      storage.remove(prefix + key);
      return value;
    },
    getAllKeys: async () => storage.keys(prefix).map((key) => key.slice(prefix.length)),
  };
}
