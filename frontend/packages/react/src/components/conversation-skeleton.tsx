import { useTexts } from '../hooks/use-texts.ts';

/** The sides of the outlined messages, own ones with `true`. Their widths are in the style sheet. */
const OWN = [false, false, true, false, true, true, false];

/** The outlines of messages while a conversation is loaded. */
export function ConversationSkeleton() {
  const { text } = useTexts();
  return (
    <div className="cruddur-message-frame" role="status">
      <span className="cruddur-visually-hidden">{text('conversation.loading')}</span>
      <div className="cruddur-message-box" aria-hidden="true">
        <div className="cruddur-message-days cruddur-message-skeleton">
          {OWN.map((own, index) => (
            // oxlint-disable-next-line react/no-array-index-key
            <span key={index} className={own ? 'cruddur-own' : 'cruddur-others'} />
          ))}
        </div>
      </div>
    </div>
  );
}
