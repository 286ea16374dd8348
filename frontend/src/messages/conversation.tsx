import { useParams } from 'react-router';
import { ConversationProblem } from './conversation-problem.tsx';
import { GroupConversation } from './group-conversation.tsx';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The conversation of the address. */
export function Conversation() {
  const group = (useParams()['message_group_uuid'] ?? '').toLowerCase();
  if (!UUID.test(group)) {
    return <ConversationProblem title="No such conversation" text="The address of this conversation is wrong." />;
  }
  return <GroupConversation key={group} group={group} />;
}
