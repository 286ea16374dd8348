import { retryAfterOf } from '@cruddur/client';
import { type Session, fieldsOf, profileOf, textOf } from './session.ts';

/** The result of a refresh. */
export type Refreshed =
  | { kind: 'tokens'; session: Session }
  /** Permanent: only a new sign-in helps. */
  | { kind: 'refused' }
  /** Transient. `retryAfter` is in seconds. */
  | { kind: 'later'; retryAfter: number | null };

/** Milliseconds for the response and its body. */
const TIMEOUT = 15_000;

/** Errors of RFC 6749 and OpenID Connect that the same request would cause again. */
const PERMANENT: ReadonlySet<unknown> = new Set([
  'invalid_grant',
  'invalid_client',
  'unauthorized_client',
  'invalid_request',
  'invalid_scope',
  'unsupported_grant_type',
  'access_denied',
  'login_required',
  'interaction_required',
  'consent_required',
  'account_selection_required',
]);

/**
 * Exchanges a session's refresh token for new tokens.
 *
 * Does not use oidc-client-ts for it: its errors have no status and no `Retry-After`, its timeout excludes the body, and it
 * stores a response without an access token.
 */
export async function refresh(endpoint: string, clientId: string, session: Session): Promise<Refreshed> {
  let response: Response;
  let body: string;
  try {
    response = await fetch(endpoint, {
      method: 'POST',
      headers: { Accept: 'application/json' },
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: clientId,
        refresh_token: session.refresh_token ?? '',
      }),
      cache: 'no-store',
      credentials: 'omit',
      signal: AbortSignal.timeout(TIMEOUT),
    });
    body = await response.text();
  } catch {
    return { kind: 'later', retryAfter: null };
  }
  return read(response, body, session);
}

/** Revokes a refresh token (RFC 7009). Rejects if the issuer does not respond. */
export async function revoke(endpoint: string, clientId: string, refreshToken: string): Promise<void> {
  await fetch(endpoint, {
    method: 'POST',
    body: new URLSearchParams({ token: refreshToken, token_type_hint: 'refresh_token', client_id: clientId }),
    credentials: 'omit',
    signal: AbortSignal.timeout(TIMEOUT),
  });
}

function read(response: Response, body: string, session: Session): Refreshed {
  const { status } = response;
  const retryAfter = retryAfterOf(response.headers.get('Retry-After'), Date.now());
  const isTransient = status === 408 || status === 425 || status === 429 || status >= 500;
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    // The page of a proxy, or the sign-in page of a network.
    return { kind: 'later', retryAfter };
  }
  const { error } = fieldsOf(json);
  if (isTransient || !response.ok || typeof error === 'string') {
    return !isTransient && PERMANENT.has(error) ? { kind: 'refused' } : { kind: 'later', retryAfter };
  }
  const renewed = renewedSession(fieldsOf(json), session);
  return renewed === null ? { kind: 'refused' } : { kind: 'tokens', session: renewed };
}

/**
 * The session after a token response (OpenID Connect Core, 12.2). Returns null if the response is unusable.
 *
 * A response without a refresh token or id token leaves the old one in use. The signature is not checked, as in the
 * sign-in: the token comes from the issuer over TLS.
 */
function renewedSession(fields: Record<string, unknown>, session: Session): Session | null {
  const accessToken = textOf(fields['access_token']);
  if (accessToken === undefined || !/^bearer$/i.test(textOf(fields['token_type']) ?? 'Bearer')) {
    return null;
  }
  let profile = session.profile;
  const idToken = fields['id_token'] ?? undefined;
  if (idToken !== undefined) {
    const claims = claimsOf(idToken);
    const now = claims && profileOf(claims);
    if (claims === null || now === null || !isSameSignIn(claims, session)) {
      return null;
    }
    profile = now;
  }
  const lifetime = Number(fields['expires_in'] ?? Number.NaN);
  return {
    access_token: accessToken,
    refresh_token: textOf(fields['refresh_token']) ?? session.refresh_token,
    id_token: textOf(idToken) ?? session.id_token,
    expires_at: lifetime > 0 && Number.isFinite(lifetime) ? Math.floor(Date.now() / 1000 + lifetime) : undefined,
    profile,
  };
}

function isSameSignIn(claims: Record<string, unknown>, session: Session): boolean {
  const before = fieldsOf(claimsOf(session.id_token));
  const differs = (name: string) =>
    claims[name] !== undefined && before[name] !== undefined && claims[name] !== before[name];
  return claims['sub'] === session.profile.sub && !differs('auth_time') && !differs('azp');
}

/** The claims of a token. Returns null if it is malformed. */
function claimsOf(token: unknown): Record<string, unknown> | null {
  try {
    const payload = String(token).split('.')[1] ?? '';
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (char) =>
      char.charCodeAt(0),
    );
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === 'object' && claims !== null ? { ...claims } : null;
  } catch {
    return null;
  }
}
