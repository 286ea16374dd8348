/** The tokens and the claims of the id token. The field names are those of oidc-client-ts. */
export interface Session {
  access_token: string;
  refresh_token: string | undefined;
  id_token: string | undefined;
  /** Seconds since 1970 by this device's clock; undefined if the issuer sends no lifetime. */
  expires_at: number | undefined;
  profile: Profile;
}

export interface Profile {
  sub: string;
  preferred_username: string | undefined;
  name: string | undefined;
}

/** Parses a stored session. Returns null if it is invalid, for example from another version of the page. */
export function parseSession(json: string | null): Session | null {
  try {
    return sessionOf(JSON.parse(json ?? 'null'));
  } catch {
    return null;
  }
}

/** Validates a session. Returns null if the access token or the `sub` is missing. */
export function sessionOf(value: unknown): Session | null {
  const fields = fieldsOf(value);
  const profile = profileOf(fields['profile']);
  const accessToken = textOf(fields['access_token']);
  if (profile === null || accessToken === undefined) {
    return null;
  }
  const expiresAt = fields['expires_at'];
  return {
    access_token: accessToken,
    refresh_token: textOf(fields['refresh_token']),
    id_token: textOf(fields['id_token']),
    expires_at: typeof expiresAt === 'number' && Number.isFinite(expiresAt) ? expiresAt : undefined,
    profile,
  };
}

export function profileOf(claims: unknown): Profile | null {
  const fields = fieldsOf(claims);
  const sub = textOf(fields['sub']);
  return sub === undefined
    ? null
    : { sub, preferred_username: textOf(fields['preferred_username']), name: textOf(fields['name']) };
}

export function isExpired({ expires_at: expiresAt }: Session): boolean {
  return expiresAt !== undefined && expiresAt * 1000 <= Date.now();
}

export function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
