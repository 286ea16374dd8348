import { type ReactNode, Fragment } from 'react';
import { linksIn } from '../texts/links.ts';

/** A text whose addresses are links. */
export function LinkedText({ text }: { text: string }) {
  const parts: ReactNode[] = [];
  let position = 0;
  for (const { start, end, href } of linksIn(text)) {
    parts.push(
      <Fragment key={start}>
        {text.slice(position, start)}
        <a className="cruddur-link" href={href} target="_blank" rel="noopener noreferrer nofollow">
          {text.slice(start, end)}
        </a>
      </Fragment>,
    );
    position = end;
  }
  return (
    <>
      {parts}
      {text.slice(position)}
    </>
  );
}
