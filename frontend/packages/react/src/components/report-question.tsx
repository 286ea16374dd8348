import type { Bubble, ReportReason } from '@cruddur/client';
import { type SubmitEvent, useEffect, useId, useRef, useState } from 'react';
import { useTexts } from '../hooks/use-texts.ts';
import type { MessageActions } from '../message-actions.ts';
import { explain } from '../texts/explain.ts';
import { Dialog } from './dialog.tsx';
import { Name } from './labels.tsx';

interface Props {
  bubble: Bubble;
  actions: Pick<MessageActions, 'isBlocked' | 'report' | 'block'>;
  onClose: () => void;
}

const REASONS: readonly ReportReason[] = ['spam', 'harassment', 'threat', 'sexual_content', 'other'];

/** Asks why a message is reported. After the report, offers to block its sender. */
export function ReportQuestion({ bubble, actions, onClose }: Props) {
  const texts = useTexts();
  const { text } = texts;
  const [reason, setReason] = useState<ReportReason | null>(null);
  const [state, setState] = useState<'asking' | 'sending' | 'sent'>('asking');
  const [problem, setProblem] = useState<string | null>(null);
  const id = useId();

  async function onSubmit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    if (reason === null || state !== 'asking') {
      return;
    }
    setState('sending');
    setProblem(null);
    try {
      await actions.report(bubble, reason);
      setState('sent');
    } catch (error) {
      setState('asking');
      setProblem(text('report.failed', { reason: explain(texts, error) }));
    }
  }

  // The same dialog, so that its end returns the focus to the message.
  return (
    <Dialog title={text(state === 'sent' ? 'report.thanks' : 'report.title')} onClose={onClose}>
      {state === 'sent' ? (
        <Thanks bubble={bubble} isBlocked={actions.isBlocked} onBlock={actions.block} />
      ) : (
        <form className="cruddur-form" onSubmit={(event) => void onSubmit(event)}>
          <fieldset className="cruddur-choices" aria-describedby={`${id}-hint`}>
            <legend>{text('report.reason')}</legend>
            {REASONS.map((each) => (
              <label key={each}>
                <input type="radio" name={id} checked={reason === each} onChange={() => setReason(each)} />
                {text(`report.${each}`)}
              </label>
            ))}
          </fieldset>
          <p id={`${id}-hint`} className="cruddur-hint">
            {text('report.text')}
          </p>
          {problem !== null && (
            <p className="cruddur-problem" role="alert">
              {problem}
            </p>
          )}
          <p className="cruddur-actions">
            {/* Not disabled while it sends, so that it keeps the focus. */}
            <button type="submit" className="cruddur-button cruddur-danger" disabled={reason === null} aria-disabled={state === 'sending'}>
              {text('report.yes')}
            </button>
            <button type="button" className="cruddur-button" onClick={(event) => event.currentTarget.closest('dialog')?.close()}>
              {text('report.no')}
            </button>
          </p>
        </form>
      )}
    </Dialog>
  );
}

function Thanks({ bubble, isBlocked, onBlock }: { bubble: Bubble; isBlocked: boolean; onBlock: () => void }) {
  const { text, rich } = useTexts();
  const close = useRef<HTMLButtonElement>(null);
  // The button with the focus is gone.
  useEffect(() => close.current?.focus(), []);
  return (
    <>
      <p role="status">{text('report.sent')}</p>
      {!isBlocked && (
        <>
          <p>{rich('report.block', { name: <Name key="name" name={bubble.name} handle={bubble.handle} /> })}</p>
          <p>{text('block.secret')}</p>
        </>
      )}
      <form method="dialog" className="cruddur-actions">
        {!isBlocked && (
          <button type="submit" className="cruddur-button cruddur-danger" onClick={onBlock}>
            {text('block.yes')}
          </button>
        )}
        <button ref={close} type="submit" className="cruddur-button">
          {text('report.close')}
        </button>
      </form>
    </>
  );
}
