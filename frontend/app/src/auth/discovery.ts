import { fieldsOf, textOf } from './session.ts';

/** The endpoints of an issuer that the page calls. */
export interface Endpoints {
  token: string | undefined;
  revocation: string | undefined;
}

/** Reads the issuer's discovery document (OpenID Connect Discovery, 4). Rejects if it can't be loaded. */
export async function discover(authority: string, timeout: number): Promise<Endpoints> {
  const response = await fetch(`${authority}/.well-known/openid-configuration`, {
    headers: { Accept: 'application/json' },
    credentials: 'omit',
    signal: AbortSignal.timeout(timeout),
  });
  if (!response.ok) {
    throw new TypeError(`the discovery document has status ${response.status}`);
  }
  const fields = fieldsOf(await response.json());
  return { token: textOf(fields['token_endpoint']), revocation: textOf(fields['revocation_endpoint']) };
}
