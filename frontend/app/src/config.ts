/** The settings in `config.json`. They are in a file so that one build serves every deployment. */
export interface Config {
  /** Without a trailing slash and without `/api`. */
  apiUrl: string;
  /** The address of the socket for events; null if there is none. */
  websocketUrl: string | null;
  authority: string;
  clientId: string;
  scope: string;
  /** Cognito's `/logout`; null if signing out only removes the tokens. */
  logoutUrl: string | null;
  /** Further origins that the page may connect to, such as that of the issuer's token endpoint. */
  connectTo: string[];
  /** The name of the page in place of the texts'; null for theirs. */
  name: string | null;
  /** The color of buttons, links and own messages. */
  accent: string | null;
  /** The address of an image in place of the page's logo. */
  logo: string | null;
  /** Where errors of the page are reported; null for nowhere. */
  errorUrl: string | null;
}

/** An invalid `config.json`. The message is for the person who deploys the page. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Validates the parsed file. Relative URLs are resolved against `origin`. */
export function parseConfig(json: unknown, origin: string): Config {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new ConfigError('config.json is not a JSON object.');
  }
  const fields = new Map<string, unknown>(Object.entries(json));
  return {
    apiUrl: address(fields, 'api_url', origin),
    websocketUrl: optional(fields, 'websocket_url', address, origin.replace(/^http/, 'ws')),
    authority: address(fields, 'authority', origin),
    clientId: text(fields, 'client_id'),
    scope: text(fields, 'scope'),
    logoutUrl: optional(fields, 'logout_url', address, origin),
    connectTo: addresses(fields, 'connect_to', origin),
    name: optional(fields, 'name', text, origin),
    accent: optional(fields, 'accent', text, origin),
    logo: optional(fields, 'logo', text, origin),
    errorUrl: optional(fields, 'error_url', address, origin),
  };
}

/** Fetches and validates the file. */
export async function loadConfig(url: string, origin: string): Promise<Config> {
  let response: Response;
  try {
    // With the preload's options, so that the browser uses its response. The server sends `Cache-Control: no-cache`.
    response = await fetch(url);
  } catch {
    throw new ConfigError(`${url} can't be loaded: no response from the server.`);
  }
  if (!response.ok) {
    throw new ConfigError(`${url} can't be loaded: the server responded with ${response.status}.`);
  }
  let json: unknown;
  try {
    json = await response.json();
  } catch {
    throw new ConfigError(`${url} is not JSON; does the server respond with index.html to unknown paths?`);
  }
  return parseConfig(json, origin);
}

function text(fields: Map<string, unknown>, name: string): string {
  const value = fields.get(name);
  if (typeof value !== 'string' || value.trim() === '') {
    throw new ConfigError(`config.json: "${name}" must be a non-empty string.`);
  }
  return value;
}

function addresses(fields: Map<string, unknown>, name: string, origin: string): string[] {
  const values = fields.get(name) ?? [];
  if (!Array.isArray(values)) {
    throw new ConfigError(`config.json: "${name}" must be an array of URLs.`);
  }
  return values.map((value: unknown) => address(new Map([[name, value]]), name, origin));
}

function optional(fields: Map<string, unknown>, name: string, parse: typeof address, origin: string): string | null {
  return (fields.get(name) ?? null) === null ? null : parse(fields, name, origin);
}

/** Resolves a URL against `origin`, whose scheme says whether the URL is that of a socket. */
function address(fields: Map<string, unknown>, name: string, origin: string): string {
  const value = fields.get(name);
  if (typeof value !== 'string') {
    throw new ConfigError(`config.json: "${name}" must be a URL.`);
  }
  let url: URL;
  try {
    url = new URL(value, origin);
  } catch {
    throw new ConfigError(`config.json: "${name}" is not a valid URL: ${value}`);
  }
  const own = url.origin === new URL(origin).origin;
  const here = ['localhost', '127.0.0.1'].includes(url.hostname);
  const scheme = origin.startsWith('ws') ? 'ws' : 'http';
  if (url.protocol !== `${scheme}s:` && !own && !(url.protocol === `${scheme}:` && here)) {
    throw new ConfigError(`config.json: "${name}" must begin with ${scheme}s: ${value}`);
  }
  return url.href.replace(/\/+$/, '');
}
