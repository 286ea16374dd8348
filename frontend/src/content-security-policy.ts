import type { Config } from './config.ts';

/** Managed login of Amazon Cognito, whose token endpoint is not at the issuer's origin. */
const COGNITO = /^https:\/\/cognito-idp\.([a-z0-9-]+)\.amazonaws\.com$/;

/** The sources, in the sense of a Content-Security-Policy, that the page may connect to besides its own origin. */
export function connectSources({ apiUrl, authority, logoutUrl, connectTo }: Config): string[] {
  const origins = [apiUrl, authority, ...(logoutUrl === null ? [] : [logoutUrl]), ...connectTo].map(
    (address) => new URL(address).origin,
  );
  const region = COGNITO.exec(new URL(authority).origin)?.[1];
  const managed = region !== undefined && logoutUrl === null && connectTo.length === 0;
  return [...new Set([...origins, ...(managed ? [`https://*.auth.${region}.amazoncognito.com`] : [])])];
}

/**
 * Adds a policy that limits connections to the origins of `config.json`. Browsers enforce it beside the one in
 * `index.html`, which can't know them since one build serves every deployment.
 */
export function restrictConnections(config: Config): void {
  const policy = document.createElement('meta');
  policy.httpEquiv = 'Content-Security-Policy';
  policy.content = `connect-src 'self' ${connectSources(config).join(' ')}`;
  document.head.append(policy);
}

/** Whether that policy lets the page connect to `address`. */
export function allowsConnection(config: Config, address: string): boolean {
  const { origin, protocol, hostname } = new URL(address, window.location.origin);
  return [window.location.origin, ...connectSources(config)].some((source) => {
    const [scheme, suffix] = source.split('//*');
    return suffix === undefined ? source === origin : scheme === protocol && hostname.endsWith(suffix);
  });
}
