-- What the functions' statements need. psql sets the variables with -v role=cruddur -v database=cruddur.
GRANT CONNECT ON DATABASE :"database" TO :"role";
GRANT USAGE ON SCHEMA public TO :"role";
GRANT SELECT ON public.users TO :"role";
GRANT INSERT (cognito_user_id, handle, display_name, email) ON public.users TO :"role";
GRANT UPDATE (cognito_user_id, handle, display_name, email, read_receipts, messages_from, erased_at, erasure_due_at, signed_out_at) ON public.users TO :"role";
GRANT INSERT (reporter_uuid, message_group_uuid, message_uuid, sender_uuid, reason, messages),
    SELECT (uuid, reporter_uuid, message_uuid, created_at), DELETE ON public.reports TO :"role";
