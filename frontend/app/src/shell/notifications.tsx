import { otherMember } from '@cruddur/client';
import { useMessages } from '@cruddur/react';
import { useEffect } from 'react';
import { startNotifications } from '../notifications.ts';

/** Shows notifications while it is rendered. */
export function Notifications() {
  const { client, onPlace } = useMessages();
  useEffect(
    () =>
      startNotifications(client, (uuid) => {
        const group = client.inbox.state().value?.rows.find((row) => row.uuid === uuid);
        onPlace({ kind: 'group', uuid, ...(group && { person: otherMember(group) }) }, false);
      }),
    [client, onPlace],
  );
  return null;
}
