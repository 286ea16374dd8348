import { describe, expect, test } from 'vitest';
import { parseConfig } from './config.ts';

const ORIGIN = 'https://app.example';
const FILE = {
  api_url: '',
  authority: '/local/issuer',
  client_id: 'client',
  scope: 'openid profile',
  logout_url: null,
};

describe('the configuration', () => {
  test('resolves relative URLs against the page', () => {
    expect(parseConfig(FILE, ORIGIN)).toEqual({
      apiUrl: 'https://app.example',
      websocketUrl: null,
      authority: 'https://app.example/local/issuer',
      clientId: 'client',
      scope: 'openid profile',
      logoutUrl: null,
      connectTo: [],
      name: null,
      accent: null,
      logo: null,
      errorUrl: null,
    });
  });

  test('keeps absolute URLs, except for a trailing slash', () => {
    const config = parseConfig(
      { ...FILE, api_url: 'https://api.example/', logout_url: 'https://auth.example/logout' },
      ORIGIN,
    );
    expect([config.apiUrl, config.logoutUrl]).toEqual(['https://api.example', 'https://auth.example/logout']);
  });

  test.each([
    ['not an object', [], 'config.json is not a JSON object.'],
    ['blank client id', { ...FILE, client_id: ' ' }, 'config.json: "client_id" must be a non-empty string.'],
    ['missing API', { ...FILE, api_url: undefined }, 'config.json: "api_url" must be a URL.'],
    ['malformed URL', { ...FILE, authority: 'https://' }, 'config.json: "authority" is not a valid URL: https://'],
    ['not an array', { ...FILE, connect_to: 'https://a.example' }, 'config.json: "connect_to" must be an array of URLs.'],
    ['http in an array', { ...FILE, connect_to: ['http://a.example'] }, 'config.json: "connect_to" must begin with https: http://a.example'],
    ['https for the socket', { ...FILE, websocket_url: 'https://a.example' }, 'config.json: "websocket_url" must begin with wss: https://a.example'],
    ['ws', { ...FILE, websocket_url: 'ws://a.example' }, 'config.json: "websocket_url" must begin with wss: ws://a.example'],
    ['blank name', { ...FILE, name: '' }, 'config.json: "name" must be a non-empty string.'],
    ['http', { ...FILE, api_url: 'http://a.example' }, 'config.json: "api_url" must begin with https: http://a.example'],
  ])('is rejected with a reason: %s', (_, file, message) => {
    expect(() => parseConfig(file, ORIGIN)).toThrow(message);
  });

  test.each([
    ['/ws', ORIGIN, 'wss://app.example/ws'],
    ['/ws', 'http://laptop.example:4567', 'ws://laptop.example:4567/ws'],
    ['wss://abc123.execute-api.eu-central-1.amazonaws.com/live', ORIGIN, 'wss://abc123.execute-api.eu-central-1.amazonaws.com/live'],
    ['ws://127.0.0.1:4567/ws', ORIGIN, 'ws://127.0.0.1:4567/ws'],
  ])('has the socket %s of a page at %s', (url, origin, expected) => {
    expect(parseConfig({ ...FILE, websocket_url: url }, origin).websocketUrl).toBe(expected);
  });

  test('may use http for a loopback address', () => {
    expect(parseConfig({ ...FILE, api_url: 'http://127.0.0.1:4567' }, ORIGIN).apiUrl).toBe('http://127.0.0.1:4567');
  });
});
