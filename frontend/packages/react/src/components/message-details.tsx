import { type Bubble, millisOf } from '@cruddur/client';
import { useTexts } from '../hooks/use-texts.ts';
import { exactTime } from '../texts/formats.ts';
import { Dialog } from './dialog.tsx';
import { Handle } from './labels.tsx';

/** The times and the id of a message. */
export function MessageDetails({ bubble, onClose }: { bubble: Bubble; onClose: () => void }) {
  const { locale, text } = useTexts();
  const { message, name, handle, key } = bubble;
  const time = (at: string) => (
    <time dateTime={at} dir="auto">
      {exactTime(locale, millisOf(at))}
    </time>
  );
  return (
    <Dialog title={text('details.title')} onClose={onClose}>
      <dl className="cruddur-details">
        <dt>{text('details.from')}</dt>
        <dd>
          <bdi>{name}</bdi> <Handle handle={handle} />
        </dd>
        {message !== null && (
          <>
            <dt>{text('details.sent')}</dt>
            <dd>{time(message.created_at)}</dd>
          </>
        )}
        {message?.edited_at !== undefined && (
          <>
            <dt>{text('details.edited')}</dt>
            <dd>{time(message.edited_at)}</dd>
          </>
        )}
        {message?.deleted_at !== undefined && (
          <>
            <dt>{text('details.deleted')}</dt>
            <dd>{time(message.deleted_at)}</dd>
          </>
        )}
        <dt>{text('details.id')}</dt>
        <dd dir="ltr" className="cruddur-id">
          {key}
        </dd>
      </dl>
      <form method="dialog" className="cruddur-actions">
        <button type="submit" className="cruddur-button">
          {text('details.close')}
        </button>
      </form>
    </Dialog>
  );
}
