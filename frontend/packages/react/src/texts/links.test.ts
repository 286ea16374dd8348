import { expect, test } from 'vitest';
import { linksIn } from './links.ts';

const found = (text: string) => linksIn(text).map(({ start, end }) => text.slice(start, end));

test.each([
  ['see https://a.example/x_(y)). And (http://b.example).', ['https://a.example/x_(y)', 'http://b.example']],
  ['“https://a.example/?q=a&b=c#d”!', ['https://a.example/?q=a&b=c#d']],
  ['HTTPS://A.EXAMPLE', ['HTTPS://A.EXAMPLE']],
  ['انظر https://a.example/م، ثم https://مثال.إختبار/طريق؟', ['https://a.example/م', 'https://مثال.إختبار/طريق']],
  ['a@b.example, or mailto:c@d.example!', ['a@b.example', 'mailto:c@d.example']],
])('%j has the links %j', (text, links) => {
  expect(found(text)).toEqual(links);
});

test.each([
  'javascript:alert(1) data:text/html,hi file:///etc ftp://a.example //a.example a.example',
  'https://user:password@a.example/',
  'https://a.example/\u202Emoc',
  'https://goo\u00ADgle.example',
])('%j has no link', (text) => {
  expect(found(text)).toEqual([]);
});

test('an address of a mail is a mailto link', () => {
  expect(linksIn('a@b.example')).toEqual([{ start: 0, end: 11, href: 'mailto:a@b.example' }]);
});
