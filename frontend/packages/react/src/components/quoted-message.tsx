import type { Quote } from '@cruddur/client';
import { use } from 'react';
import { useTexts } from '../hooks/use-texts.ts';
import { ConversationContext } from './conversation-context.ts';

/** The sender and the beginning of the message to which another one replies. */
export function QuotedMessage({ quote: { own, text } }: { quote: Quote }) {
  const conversation = use(ConversationContext);
  const { text: say } = useTexts();
  if (own === null) {
    return <span className="cruddur-quote-text">{say('reply.notLoaded')}</span>;
  }
  return (
    <>
      <span className="cruddur-visually-hidden">{say('reply.quote')} </span>
      <span className="cruddur-quote-name">{own ? say('message.you') : <bdi className="cruddur-quote-person">{conversation?.otherName}</bdi>}</span>
      {text === null ? (
        <span className="cruddur-quote-text cruddur-gone">{say('reply.deleted')}</span>
      ) : (
        <span className="cruddur-quote-text" dir="auto">
          {text}
        </span>
      )}
    </>
  );
}
