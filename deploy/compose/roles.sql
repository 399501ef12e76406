-- Run once, when the postgres container makes its cluster: the three roles, with the passwords that
-- docker-compose.yml gives the services. callboard-ctl migrate does the rest, as callboard_owner.
\getenv owner_password CALLBOARD_OWNER_PASSWORD
\getenv writer_password CALLBOARD_WRITER_PASSWORD
\getenv reader_password CALLBOARD_READER_PASSWORD
CREATE ROLE callboard_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE callboard_writer LOGIN PASSWORD :'writer_password';
CREATE ROLE callboard_reader LOGIN PASSWORD :'reader_password';
GRANT CREATE ON DATABASE callboard TO callboard_owner;
-- For people with psql; the programs name the schema themselves.
ALTER ROLE callboard_owner IN DATABASE callboard SET search_path = callboard, public;
ALTER ROLE callboard_writer IN DATABASE callboard SET search_path = callboard, public;
ALTER ROLE callboard_reader IN DATABASE callboard SET search_path = callboard, public;
