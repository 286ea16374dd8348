import { useBaseTexts } from '../context.ts';

/** A draft in the place of the newest message. */
export function DraftPreview({ text }: { text: string }) {
  return (
    <>
      <span className="cruddur-draft">{useBaseTexts().text('inbox.draft')}</span>{' '}
      <span className="cruddur-group-text" dir="auto">
        {text}
      </span>
    </>
  );
}
