import { afterEach, describe, expect, test } from 'vitest';
import { allowsConnection, connectSources, restrictConnections } from './content-security-policy.ts';
import { CONFIG } from './testing/render-app.tsx';

const COGNITO = {
  ...CONFIG,
  apiUrl: 'https://abc123.execute-api.eu-central-1.amazonaws.com',
  websocketUrl: 'wss://def456.execute-api.eu-central-1.amazonaws.com/live',
  authority: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI',
};
const HOSTED = 'https://cruddur.auth.eu-central-1.amazoncognito.com';

afterEach(() => document.head.replaceChildren());

describe('the page can connect', () => {
  test('to the origins in config.json only', () => {
    restrictConnections({ ...COGNITO, logoutUrl: `${HOSTED}/logout`, errorUrl: 'https://errors.example/page' });
    expect(document.head.querySelector('meta')?.content).toBe(
      "connect-src 'self' https://abc123.execute-api.eu-central-1.amazonaws.com " +
        'wss://def456.execute-api.eu-central-1.amazonaws.com ' +
        `https://cognito-idp.eu-central-1.amazonaws.com ${HOSTED} https://errors.example`,
    );
  });

  test('to any managed login in the region of the pool if config.json names no domain', () => {
    expect(connectSources(COGNITO).at(-1)).toBe('https://*.auth.eu-central-1.amazoncognito.com');
    expect(allowsConnection(COGNITO, `${HOSTED}/oauth2/token`)).toBe(true);
    expect(allowsConnection(COGNITO, 'https://cruddur.auth.us-east-1.amazoncognito.com/oauth2/token')).toBe(false);
    expect(allowsConnection(COGNITO, 'https://auth.evil.example/.auth.eu-central-1.amazoncognito.com')).toBe(false);
  });

  test('only to the domain in connect_to if there is one', () => {
    const config = { ...COGNITO, connectTo: ['https://login.example/oauth2'] };
    expect(allowsConnection(config, 'https://login.example/token')).toBe(true);
    expect(allowsConnection(config, `${HOSTED}/oauth2/token`)).toBe(false);
  });
});
