-- What the public look-up of users by handle needs. psql sets the variables with -v role=… -v database=cruddur.
GRANT CONNECT ON DATABASE :"database" TO :"role";
GRANT USAGE ON SCHEMA public TO :"role";
GRANT SELECT (uuid, handle, display_name, erased_at) ON public.users TO :"role";
