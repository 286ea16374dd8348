const MAX_BYTES = 64;

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** The only emoji of a text, as the API accepts it; null if the text is anything else. */
export function emojiOf(text: string): string | null {
  const [only, ...more] = [...segmenter.segment(text.trim())].map(({ segment }) => segment);
  const isEmoji = only !== undefined && /\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|[#*0-9]\u{FE0F}?\u{20E3}/u.test(only);
  return isEmoji && more.length === 0 && new TextEncoder().encode(only).length <= MAX_BYTES ? only : null;
}
