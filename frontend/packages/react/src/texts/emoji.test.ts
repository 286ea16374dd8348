import { expect, test } from 'vitest';
import { isLargeEmoji } from './emoji.ts';

test.each(['👍', '❤️', '🇩🇪', '👍🏽', '👨‍👩‍👧‍👦', '🏴󠁧󠁢󠁳󠁣󠁴󠁿', '1️⃣', '😂❤️', '👩🏿‍🚀🇯🇵👨‍👩‍👧', ' 🎉 🎉\n🎉 '])('%s is shown large', (text) => {
  expect(isLargeEmoji(text)).toBe(true);
});

test.each(['', ' ', '1', '#', 'ok 👍', '👍.', '🎉🎉🎉🎉', '❤', '🇩', '👨‍'])('"%s" is not', (text) => {
  expect(isLargeEmoji(text)).toBe(false);
});
