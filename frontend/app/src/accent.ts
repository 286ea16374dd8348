import { ConfigError } from './config.ts';

/** Red, green and blue from 0 to 255. */
type Color = readonly [number, number, number];

const WHITE: Color = [255, 255, 255];
const BLACK: Color = [0, 0, 0];
/** `--_surface` in dark pages. */
const DARK: Color = [27, 25, 36];
/** `--_hover`, on which links have the least contrast. */
const HOVER: Color = [235, 231, 243];
const DARK_HOVER: Color = [34, 31, 45];
/** The contrast of text, by WCAG 2.2, level AA. */
const AA = 4.5;

/**
 * The variables of the components for an accent, such as `#0a7d52`: the color itself where its contrast suffices, and darker
 * or lighter ones elsewhere. Throws a `ConfigError`.
 */
export function accentColors(accent: string): Record<string, string> {
  const color = parseColor(accent);
  const fill = towards(color, BLACK, (shade) => contrast(shade, WHITE) >= AA);
  // A very dark fill would be invisible on a dark page.
  const darkFill = towards(fill, WHITE, (shade) => contrast(shade, DARK) >= 2);
  const active = mix(WHITE, fill, 0.12);
  const darkActive = mix(DARK, darkFill, 0.22);
  const text = towards(color, BLACK, isReadableOn([active, HOVER]));
  const darkText = towards(color, WHITE, isReadableOn([darkActive, DARK_HOVER]));
  return {
    '--cruddur-accent': lightDark(text, darkText),
    '--cruddur-accent-fill': lightDark(fill, darkFill),
    '--cruddur-accent-fill-hover': lightDark(mix(fill, BLACK, 0.15), mix(darkFill, BLACK, 0.15)),
    '--cruddur-own': lightDark(fill, darkFill),
    '--cruddur-active': lightDark(active, darkActive),
  };
}

function parseColor(text: string): Color {
  const digits = /^#(?:([0-9a-f])([0-9a-f])([0-9a-f])|([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2}))$/i.exec(text)?.slice(1);
  const [red, green, blue] = digits?.filter(Boolean).map((digit) => Number.parseInt(digit.length === 1 ? digit + digit : digit, 16)) ?? [];
  if (red === undefined || green === undefined || blue === undefined) {
    throw new ConfigError(`config.json: "accent" must be a color in hexadecimal, such as #5b3fc4: ${text}`);
  }
  return [red, green, blue];
}

/** The first color on the way to `end` that suffices. */
function towards(start: Color, end: Color, suffices: (color: Color) => boolean): Color {
  for (let share = 0; share < 1; share += 0.02) {
    const color = mix(start, end, share);
    if (suffices(color)) {
      return color;
    }
  }
  return end;
}

function mix(from: Color, to: Color, share: number): Color {
  const part = (index: 0 | 1 | 2) => Math.round(from[index] + (to[index] - from[index]) * share);
  return [part(0), part(1), part(2)];
}

/** The contrast of two colors, by WCAG 2.2. */
export function contrast(a: Color, b: Color): number {
  const [darker, lighter] = [luminance(a), luminance(b)].toSorted((one, other) => one - other) as [number, number];
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance([red, green, blue]: Color): number {
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

/** The intensity of a part of a color, from 0 to 1. */
function linear(value: number): number {
  return value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
}

function isReadableOn(papers: readonly Color[]): (shade: Color) => boolean {
  return (shade) => papers.every((paper) => contrast(shade, paper) >= AA);
}

function lightDark(light: Color, dark: Color): string {
  return `light-dark(${[light, dark].map((color) => `rgb(${color.join(' ')})`).join(', ')})`;
}
