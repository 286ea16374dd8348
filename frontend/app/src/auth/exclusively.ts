import { v4 as uuid } from 'uuid';

import { local } from './storage.ts';

/** Milliseconds that a lease is valid: longer than any task takes. */
const LEASE = 30_000;

/**
 * Runs `task` while no other tab runs a task with the same name.
 *
 * Rejects with a `TimeoutError` if other tabs hold the name for longer than `timeout` milliseconds. Uses a lease in
 * localStorage if the browser denies Web Locks, as it does when it denies storage.
 */
export async function exclusively<Result>(
  name: string,
  timeout: number,
  task: () => Promise<Result>,
): Promise<Result> {
  // The signal ends the wait only: it must not release a granted lock.
  const waiting = new AbortController();
  const timer = setTimeout(() => waiting.abort(timeoutError(name)), timeout);
  const started = () => {
    clearTimeout(timer);
    return task();
  };
  try {
    return await ((await hasLocks()) ? withLock : withLease)(name, waiting.signal, started);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the browser grants Web Locks. It denies them to pages without access to storage. */
export async function hasLocks(): Promise<boolean> {
  try {
    await navigator.locks.query();
    return true;
  } catch {
    return false;
  }
}

async function withLock<Result>(name: string, signal: AbortSignal, task: () => Promise<Result>): Promise<Result> {
  return await navigator.locks.request(name, { signal }, task);
}

async function withLease<Result>(name: string, signal: AbortSignal, task: () => Promise<Result>): Promise<Result> {
  const key = `cruddur.lease.${name}`;
  const id = uuid();
  while (holder(key) !== id) {
    signal.throwIfAborted();
    if (holder(key) === null) {
      local.set(key, JSON.stringify({ id, until: Date.now() + LEASE }));
    }
    // After this pause, tabs that wrote at the same time see who wrote last.
    // oxlint-disable-next-line no-await-in-loop
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  try {
    return await task();
  } finally {
    if (holder(key) === id) {
      local.remove(key);
    }
  }
}

/** The id of a valid lease. A lease that ends too far in the future was written with a wrong clock. */
function holder(key: string): string | null {
  try {
    const { id, until }: Record<string, unknown> = { ...JSON.parse(local.get(key) ?? '{}') };
    const left = typeof until === 'number' ? until - Date.now() : 0;
    return typeof id === 'string' && left > 0 && left <= LEASE ? id : null;
  } catch {
    return null;
  }
}

function timeoutError(name: string): DOMException {
  return new DOMException(`another tab holds ${name}`, 'TimeoutError');
}
