import { VERSION } from './version.ts';

/** An error for the people who run the service. It has no text of a message, no name, no handle and no token. */
export interface ErrorReport {
  /** The name of the error's class, such as `TypeError`. */
  kind: string;
  /** The message, without everything that may come from data: quotations, numbers, addresses and long words. */
  message: string;
  /** The version of the package. */
  version: string;
  /** The innermost calls: function, file, line and column. */
  stack: string[];
}

/** Milliseconds within which a kind is reported once. */
const PAUSE = 60_000;
/** The most reports of a page. */
const MOST = 10;
const MAX_CALLS = 10;
const MAX_LENGTH = 200;

/** When a kind was reported last. */
const reported = new Map<string, number>();
let reports = 0;

/** Calls `onError` with the report of an error, at most once a minute for a kind, and ten times in the life of a page. */
export function report(error: unknown, onError: (report: ErrorReport) => void): void {
  const kind = error instanceof Error && /^\w{1,40}$/.test(error.name) ? error.name : typeof error;
  const now = Date.now();
  if (reports >= MOST || now - (reported.get(kind) ?? Number.NEGATIVE_INFINITY) < PAUSE) {
    return;
  }
  reports += 1;
  reported.set(kind, now);
  const { message = '', stack = '' } = error instanceof Error ? error : {};
  onError({ kind, message: withoutData(message), version: VERSION, stack: callsOf(stack) });
}

function withoutData(message: string): string {
  return message
    .replace(/["'`“‘«][^]*["'`”’»]/g, '…')
    .replace(/\S*(?:[\d@/:]\S|[^\u0020-\u007e…])\S*|\S{25,}/g, '…')
    .slice(0, MAX_LENGTH);
}

/** The calls of a stack, in the form of any browser. Addresses are without their path: it may name a conversation. */
function callsOf(stack: string): string[] {
  return stack
    .split('\n')
    .flatMap((line) => {
      const place = /[\w.-]+\.[cm]?[jt]sx?(?:\?[\w=.]*)?:\d+:\d+(?=\)?$)/.exec(line)?.[0];
      const name = /^\s*at (?:async )?([\w$.#<>[\] ]+) \(|^([\w$.#<>/]+)@/.exec(line);
      return place === undefined ? [] : `${name?.[1] ?? name?.[2] ?? ''} ${place}`.trim();
    })
    .slice(0, MAX_CALLS);
}
