import { type SubmitEvent, useId, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { explain } from '../api/error-texts.ts';
import { useSignedIn } from '../signed-in.tsx';
import { useDebounced } from '../time/use-debounced.ts';
import { Avatar } from '../users/avatar.tsx';
import { foldHandle, isHandle, sameHandle, typedHandle } from '../users/handle.ts';
import { useUser } from '../users/use-user.ts';

/** Finds a user by handle, to write to. */
export function StartConversation() {
  const { me } = useSignedIn();
  const navigate = useNavigate();
  const [text, setText] = useState('');
  const id = useId();
  const handle = typedHandle(text);
  const settled = useDebounced(handle, 300);
  const { user, error } = useUser(settled, settled !== '');
  const ready = settled === handle;

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    if (isHandle(handle) && !sameHandle(handle, me.handle) && !(ready && user === null)) {
      setText('');
      void navigate(`/messages/new/${foldHandle(handle)}`);
    }
  }

  return (
    <form className="start" role="search" aria-label="Start a conversation" onSubmit={submit}>
      <label htmlFor={id} className="visually-hidden">
        Start a conversation by handle
      </label>
      <div className="start-field">
        <span aria-hidden="true">@</span>
        <input
          id={id}
          type="text"
          placeholder="Write to a handle"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          enterKeyHint="go"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => event.key === 'Escape' && setText('')}
          aria-describedby={`${id}-found`}
        />
      </div>
      <div id={`${id}-found`} className="start-found" role="status">
        {handle !== '' && found()}
      </div>
    </form>
  );

  function found() {
    if (!isHandle(handle)) {
      return <p className="start-note">A handle has letters, digits, and . _ - only, at most 30.</p>;
    }
    if (sameHandle(handle, me.handle)) {
      return <p className="start-note">That is you.</p>;
    }
    if (!ready || (user === undefined && !error)) {
      return <p className="start-note">Looking for @{handle}…</p>;
    }
    if (user === undefined) {
      return <p className="start-note problem">{explain(error)}</p>;
    }
    if (user === null) {
      return <p className="start-note problem">There is no user @{handle}.</p>;
    }
    return (
      <Link className="start-user" to={`/messages/new/${foldHandle(user.handle)}`} onClick={() => setText('')}>
        <Avatar name={user.display_name} handle={user.handle} small />
        <span className="visually-hidden">Write to</span>{' '}
        <strong>{user.display_name}</strong> <span className="handle">@{user.handle}</span>
      </Link>
    );
  }
}
