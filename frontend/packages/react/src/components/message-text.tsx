import { type ComponentType, lazy, Suspense } from 'react';

/** Every link contains one of these. */
const LINK = /:\/\/|@|mailto:/i;

const PlainText = ({ text }: { text: string }) => text;

const LinkedText = lazy<ComponentType<{ text: string }>>(async () => {
  try {
    return { default: (await import('./linked-text.tsx')).LinkedText };
  } catch {
    // Offline, or the page was replaced by a newer version.
    return { default: PlainText };
  }
});

/** The text of a message. The code that finds links is loaded for the first text that may contain one. */
export function MessageText({ text }: { text: string }) {
  return (
    <p dir="auto">
      {LINK.test(text) ? (
        <Suspense fallback={text}>
          <LinkedText text={text} />
        </Suspense>
      ) : (
        text
      )}
    </p>
  );
}
