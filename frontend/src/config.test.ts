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
  test('resolves relative addresses against the page', () => {
    expect(parseConfig(FILE, ORIGIN)).toEqual({
      apiUrl: 'https://app.example',
      authority: 'https://app.example/local/issuer',
      clientId: 'client',
      scope: 'openid profile',
      logoutUrl: null,
      connectTo: [],
    });
  });

  test('takes whole addresses as they are, but for a slash at the end', () => {
    const config = parseConfig(
      { ...FILE, api_url: 'https://api.example/', logout_url: 'https://auth.example/logout' },
      ORIGIN,
    );
    expect([config.apiUrl, config.logoutUrl]).toEqual(['https://api.example', 'https://auth.example/logout']);
  });

  test.each([
    ['no object', [], 'config.json is not a JSON object.'],
    ['no client', { ...FILE, client_id: ' ' }, 'config.json: "client_id" must be a text that is not empty.'],
    ['no API', { ...FILE, api_url: undefined }, 'config.json: "api_url" must be an address.'],
    ['no address', { ...FILE, authority: 'https://' }, 'config.json: "authority" is not an address: https://'],
    ['no array', { ...FILE, connect_to: 'https://a.example' }, 'config.json: "connect_to" must be an array of addresses.'],
    ['no TLS in it', { ...FILE, connect_to: ['http://a.example'] }, 'config.json: "connect_to" must begin with https: http://a.example'],
    ['no TLS', { ...FILE, api_url: 'http://a.example' }, 'config.json: "api_url" must begin with https: http://a.example'],
  ])('says what is wrong: %s', (_, file, message) => {
    expect(() => parseConfig(file, ORIGIN)).toThrow(message);
  });

  test('takes http on this machine', () => {
    expect(parseConfig({ ...FILE, api_url: 'http://127.0.0.1:4567' }, ORIGIN).apiUrl).toBe('http://127.0.0.1:4567');
  });
});
