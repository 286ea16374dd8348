/** Where the API and the issuer are, as `config.json` says. It is a file, so that one build serves every place. */
export interface Config {
  /** Without a slash at the end; paths begin with `/api`. */
  apiUrl: string;
  authority: string;
  clientId: string;
  scope: string;
  /** Cognito's hosted `/logout`; null where leaving means forgetting the tokens only. */
  logoutUrl: string | null;
  /** Other origins that the page may connect to: those of the issuer's endpoints that are elsewhere. */
  connectTo: string[];
}

/** What is wrong with `config.json`, in words for who installs it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Reads the parsed file. Relative addresses are those of `origin`. */
export function parseConfig(json: unknown, origin: string): Config {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new ConfigError('config.json is not a JSON object.');
  }
  const fields = new Map<string, unknown>(Object.entries(json));
  return {
    apiUrl: address(fields, 'api_url', origin),
    authority: address(fields, 'authority', origin),
    clientId: text(fields, 'client_id'),
    scope: text(fields, 'scope'),
    logoutUrl: (fields.get('logout_url') ?? null) === null ? null : address(fields, 'logout_url', origin),
    connectTo: addresses(fields, 'connect_to', origin),
  };
}

/** Fetches and reads the file. */
export async function loadConfig(url: string, origin: string): Promise<Config> {
  let response: Response;
  try {
    response = await fetch(url, { cache: 'no-cache' });
  } catch {
    throw new ConfigError(`${url} can't be loaded: the server did not answer.`);
  }
  if (!response.ok) {
    throw new ConfigError(`${url} can't be loaded: the server answered ${response.status}.`);
  }
  let json: unknown;
  try {
    json = await response.json();
  } catch {
    throw new ConfigError(`${url} is not JSON. (A server that answers unknown paths with the page does this.)`);
  }
  return parseConfig(json, origin);
}

function text(fields: Map<string, unknown>, name: string): string {
  const value = fields.get(name);
  if (typeof value !== 'string' || value.trim() === '') {
    throw new ConfigError(`config.json: "${name}" must be a text that is not empty.`);
  }
  return value;
}

function addresses(fields: Map<string, unknown>, name: string, origin: string): string[] {
  const values = fields.get(name) ?? [];
  if (!Array.isArray(values)) {
    throw new ConfigError(`config.json: "${name}" must be an array of addresses.`);
  }
  return values.map((value: unknown) => address(new Map([[name, value]]), name, origin));
}

function address(fields: Map<string, unknown>, name: string, origin: string): string {
  const value = fields.get(name);
  if (typeof value !== 'string') {
    throw new ConfigError(`config.json: "${name}" must be an address.`);
  }
  let url: URL;
  try {
    url = new URL(value, origin);
  } catch {
    throw new ConfigError(`config.json: "${name}" is not an address: ${value}`);
  }
  const own = url.origin === new URL(origin).origin;
  const here = ['localhost', '127.0.0.1'].includes(url.hostname);
  if (url.protocol !== 'https:' && !own && !(url.protocol === 'http:' && here)) {
    throw new ConfigError(`config.json: "${name}" must begin with https: ${value}`);
  }
  return url.href.replace(/\/+$/, '');
}
