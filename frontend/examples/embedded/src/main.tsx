import '@cruddur/react/styles.css';
import './page.css';
import { MessagesClient } from '@cruddur/client';
import { Conversation, Inbox, MessagesProvider, StartConversation } from '@cruddur/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

const HANDLE = new URLSearchParams(window.location.search).get('user') ?? 'sunyoung';

/** An access token of the local stack's endpoint for tests. In your page, it comes from your sign-in. */
async function token(): Promise<string | null> {
  const response = await fetch('/local/token', { method: 'POST', body: JSON.stringify({ handle: HANDLE }) });
  if (!response.ok) {
    throw new Error(`unexpected ${response.status} from /local/token`);
  }
  const { access_token: accessToken } = (await response.json()) as { access_token: string };
  return accessToken;
}

// Both panels show the messages of one person, so they share a client.
const websocketUrl = new URL('/ws', window.location.href.replace(/^http/, 'ws')).href;
const client = new MessagesClient({ url: '', websocketUrl, user: HANDLE, credentials: token });
client.start();

/** One conversation. */
function Contact() {
  return (
    <MessagesProvider client={client} initialPlace={{ kind: 'handle', handle: 'scarlett' }}>
      <Conversation takesFocus={false} />
    </MessagesProvider>
  );
}

/** The inbox, and the conversation that is opened in it. */
function Messages() {
  return (
    <MessagesProvider client={client}>
      <div className="list">
        <StartConversation />
        <Inbox />
      </div>
      <Conversation empty={<p className="cruddur-custom">Open a conversation.</p>} />
    </MessagesProvider>
  );
}

for (const [id, panel] of Object.entries({ conversation: <Contact />, messages: <Messages /> })) {
  const element = document.getElementById(id);
  if (element !== null) {
    createRoot(element, { identifierPrefix: id }).render(<StrictMode>{panel}</StrictMode>);
  }
}
