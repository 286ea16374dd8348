import type { Texts } from '@cruddur/react';
import type { PagesTextKey } from '../texts/pages/en.ts';

/** Browsers with a pattern of their user agent. Each comes before those whose names its own user agent contains. */
const BROWSERS: readonly [string, RegExp][] = [
  ['Edge', /\bEdg(?:e|A|iOS)?\//],
  ['Opera', /\b(?:OPR|OPT)\//],
  ['Samsung Internet', /\bSamsungBrowser\//],
  ['Firefox', /\b(?:Firefox|FxiOS)\//],
  ['Chrome', /\b(?:Headless)?(?:Chrome|CriOS)\//],
  ['Safari', /\bVersion\/.*\bSafari\//],
];

/** Systems in the same way. */
const SYSTEMS: readonly [string, RegExp][] = [
  ['iPhone', /\biPhone\b/],
  ['iPad', /\biPad\b/],
  ['Android', /\bAndroid\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['Windows', /\bWindows\b/],
  ['macOS', /\bMacintosh\b/],
  ['Linux', /\bLinux\b/],
];

/** The name of a device by its user agent, such as "Firefox on Linux". */
export function deviceName(text: Texts<PagesTextKey>['text'], userAgent = ''): string {
  if (userAgent.startsWith('cruddur/')) {
    return text('devices.command');
  }
  const [browser] = BROWSERS.find(([, pattern]) => pattern.test(userAgent)) ?? [];
  const [system] = SYSTEMS.find(([, pattern]) => pattern.test(userAgent)) ?? [];
  return browser !== undefined && system !== undefined
    ? text('devices.name', { browser, system })
    : (browser ?? system ?? text('devices.unknown'));
}
