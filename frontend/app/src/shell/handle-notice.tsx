import { useState } from 'react';
import type { User } from '@cruddur/client';
import { useSignedIn } from '../signed-in.tsx';
import { local } from '../auth/storage.ts';
import { type HandleMismatch, handleMismatch, MAX_HANDLE_LENGTH, plainLine } from '@cruddur/client';
import { Handle } from '@cruddur/react';
import { usePagesTexts } from '../texts/pages/use-pages-texts.ts';

/** Tells users whose handle is not the one they requested, until they dismiss it. */
export function HandleNotice({ me }: { me: User }) {
  const { me: person } = useSignedIn();
  const { text, rich } = usePagesTexts();
  // Kept after sign-out; otherwise every sign-in would show the notice again.
  const key = `cruddur.handle-told.${person.id}`;
  const [dismissed, setDismissed] = useState(() => local.get(key));
  const mismatch = handleMismatch(person.handle, me.handle);
  if (mismatch === null || dismissed === me.handle) {
    return null;
  }
  return (
    <div className="cruddur-question" role="status">
      <p>
        <Reason mismatch={mismatch} /> {rich('handle.you', { handle: <Handle key="handle" handle={me.handle} /> })}
      </p>
      <p className="cruddur-actions">
        <button
          type="button"
          className="cruddur-button cruddur-small"
          onClick={() => {
            local.set(key, me.handle);
            setDismissed(me.handle);
          }}
        >
          {text('handle.ok')}
        </button>
      </p>
    </div>
  );
}

function Reason({ mismatch }: { mismatch: NonNullable<HandleMismatch> }) {
  const { text, rich } = usePagesTexts();
  switch (mismatch.kind) {
    case 'missing':
      return text('handle.missing');
    case 'malformed':
      return rich('handle.malformed', {
        requested: <bdi key="requested">{plainLine(mismatch.requested)}</bdi>,
        max: MAX_HANDLE_LENGTH,
      });
    case 'taken':
    case 'changed':
      return rich(`handle.${mismatch.kind}`, { requested: <Handle key="requested" handle={mismatch.requested} /> });
  }
}
