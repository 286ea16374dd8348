import { afterEach, expect, test, vi } from 'vitest';
import { SessionStore } from './session-store.ts';
import type { Session } from './session.ts';

const session: Session = {
  access_token: 'access',
  refresh_token: 'refresh',
  id_token: undefined,
  expires_at: undefined,
  profile: { sub: 'sub-1', preferred_username: 'sunyoung', name: undefined },
};

afterEach(() => vi.restoreAllMocks());

/** Makes storages reject writes. */
function fill(full: Storage[]): void {
  const set = Storage.prototype.setItem;
  vi.spyOn(Storage.prototype, 'setItem').mockImplementation(function write(this: Storage, key, value) {
    if (full.includes(this)) {
      throw new DOMException('full', 'QuotaExceededError');
    }
    set.call(this, key, value);
  });
}

test('a session moves to the tab if localStorage is full', () => {
  const store = new SessionStore('https://issuer.example', 'client');
  store.begin(session, false);
  fill([localStorage]);
  store.write({ ...session, refresh_token: 'rotated' });
  expect(localStorage.getItem(store.key)).toBeNull();
  expect([store.onlyHere, store.read()?.refresh_token]).toEqual([true, 'rotated']);
  expect(new SessionStore('https://issuer.example', 'client').read()?.refresh_token).toBe('rotated');
});

test('a session lasts as long as the page if both storages are full', () => {
  const store = new SessionStore('https://issuer.example', 'client');
  fill([localStorage, sessionStorage]);
  store.begin(session, false);
  expect(store.read()).toEqual(session);
});

test('a shared session replaces the session of the tab', () => {
  const store = new SessionStore('https://issuer.example', 'client');
  store.begin(session, true);
  store.begin({ ...session, access_token: 'shared' }, false);
  expect(new SessionStore('https://issuer.example', 'client').read()?.access_token).toBe('shared');
});
