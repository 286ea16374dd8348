import type { Config } from './config.ts';

/** The issuer of an Amazon Cognito user pool. The token endpoint has another origin: that of managed login. */
const COGNITO = /^https:\/\/cognito-idp\.([a-z0-9-]+)\.amazonaws\.com$/;

/** The `connect-src` sources of the page, besides its own origin. */
export function connectSources({ apiUrl, websocketUrl, authority, logoutUrl, connectTo, errorUrl }: Config): string[] {
  const origins = [apiUrl, websocketUrl, authority, logoutUrl, errorUrl, ...connectTo].flatMap((address) =>
    address === null ? [] : new URL(address).origin,
  );
  const region = COGNITO.exec(new URL(authority).origin)?.[1];
  const managed = region !== undefined && logoutUrl === null && connectTo.length === 0;
  return [...new Set([...origins, ...(managed ? [`https://*.auth.${region}.amazoncognito.com`] : [])])];
}

/**
 * Adds a policy that limits connections to the origins in `config.json`. Browsers enforce it together with the policy in
 * `index.html`, which is the same for every deployment.
 */
export function restrictConnections(config: Config): void {
  const policy = document.createElement('meta');
  policy.httpEquiv = 'Content-Security-Policy';
  policy.content = `connect-src 'self' ${connectSources(config).join(' ')}`;
  document.head.append(policy);
}

/** Whether this policy allows connections to `address`. */
export function allowsConnection(config: Config, address: string): boolean {
  const { origin, protocol, hostname } = new URL(address, window.location.origin);
  return [window.location.origin, ...connectSources(config)].some((source) => {
    const [scheme, suffix] = source.split('//*');
    return suffix === undefined ? source === origin : scheme === protocol && hostname.endsWith(suffix);
  });
}
