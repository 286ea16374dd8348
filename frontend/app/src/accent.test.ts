import { describe, expect, test } from 'vitest';
import { accentColors, contrast } from './accent.ts';

type Color = readonly [number, number, number];

/** The texts of the components and their backgrounds in the default colors. */
const INK_SOFT = { light: [98, 91, 117], dark: [169, 162, 189] } as const;
const PAPERS = { light: [[255, 255, 255], [245, 243, 249], [235, 231, 243]], dark: [[27, 25, 36], [21, 19, 28], [34, 31, 45]] } as const;

function variables(accent: string, theme: 'light' | 'dark') {
  const colors = Object.entries(accentColors(accent)).map(([name, value]) => {
    const [light, dark] = [...value.matchAll(/rgb\((\d+) (\d+) (\d+)\)/g)].map(([, ...parts]) => parts.map(Number));
    return [name.replace('--cruddur-', ''), theme === 'light' ? light : dark] as const;
  });
  return Object.fromEntries(colors) as unknown as Record<'accent' | 'accent-fill' | 'accent-fill-hover' | 'own' | 'active', Color>;
}

describe.each(['light', 'dark'] as const)('the colors of an accent in a %s page', (theme) => {
  test.each(['#000000', '#fff', '#5b3fc4', '#ffd500', '#00ff00', '#0000ff', '#ff0000', '#00ffff', '#777', '#0a7d52'])(
    'have enough contrast: %s',
    (accent) => {
      const { accent: text, active, ...colors } = variables(accent, theme);
      const pairs: [Color, Color][] = [
        ...[...PAPERS[theme], active].map((paper): [Color, Color] => [text, paper]),
        ...[colors['accent-fill'], colors['accent-fill-hover'], colors.own].map((fill): [Color, Color] => [[255, 255, 255], fill]),
        [INK_SOFT[theme], active],
      ];
      expect(Math.min(...pairs.map(([a, b]) => contrast(a, b)))).toBeGreaterThanOrEqual(4.5);
    },
  );
});

test('black and white have a contrast of 21, and #767676 on white is the lightest gray of level AA', () => {
  expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21);
  expect(contrast([118, 118, 118], [255, 255, 255])).toBeCloseTo(4.54, 2);
});

test('an accent with enough contrast is used as it is', () => {
  expect(variables('#0A7D52', 'light')['accent-fill']).toEqual([10, 125, 82]);
});

test.each(['green', '#12', '#12345', 'rgb(0 0 0)', '#ggg'])('an accent that is no color is rejected: %s', (accent) => {
  expect(() => accentColors(accent)).toThrow(`config.json: "accent" must be a color in hexadecimal, such as #5b3fc4: ${accent}`);
});
