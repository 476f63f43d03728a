-- A role that reads of n8n's database what latency-exporter needs, and nothing else.
--
--     psql -d n8n -f reader.sql                      make it; again after each upgrade of n8n, for new columns
--     psql -d n8n -v nodes=on -f reader.sql          the same, and let it read what the runs of nodes need
--     psql -d n8n -c '\password latency_exporter'    give it its password: it is typed, and sent as a hash
--     psql -d n8n -v drop=on -f reader.sql           take all of it away
--
-- Run it as a superuser, or as the owner of n8n's tables if that role has CREATEROLE. n8n may run meanwhile. Settings,
-- each of which can be given as above:
--
--     role      its name                             schema, prefix    those of n8n's tables (DB_POSTGRESDB_SCHEMA,
--     nodes     on: functions for the node level                       DB_TABLE_PREFIX)
--     connections   20: how many it may have at once; two for each host that probes the database by this role, and
--                   three for the one that reads n8n
--
-- Nothing here depends on a column or table as a view does, so n8n's own migrations are not held up. The role's limits
-- are defaults of its sessions, and protect from mistakes alone; what it may read is a matter of grants.

\set ON_ERROR_STOP on
\set QUIET on
\if :{?role}
\else
\set role latency_exporter
\endif
\if :{?schema}
\else
\set schema public
\endif
\if :{?prefix}
\else
\set prefix ''
\endif
\if :{?nodes}
\else
\set nodes off
\endif
\if :{?connections}
\else
\set connections 20
\endif
\if :{?drop}
\else
\set drop off
\endif

BEGIN;
SET LOCAL search_path = pg_catalog;
SET LOCAL latency_exporter.role = :'role';
SET LOCAL latency_exporter.schema = :'schema';
SET LOCAL latency_exporter.prefix = :'prefix';
SET LOCAL latency_exporter.nodes = :'nodes';
SET LOCAL latency_exporter.connections = :'connections';
SET LOCAL latency_exporter.drop = :'drop';

DO $script$
DECLARE
    reader constant text := current_setting('latency_exporter.role');
    home constant text := current_setting('latency_exporter.schema');
    prefix constant text := current_setting('latency_exporter.prefix');
    with_nodes constant boolean := current_setting('latency_exporter.nodes');
    connections constant integer := current_setting('latency_exporter.connections');
    goes constant boolean := current_setting('latency_exporter.drop');
    space constant oid := to_regnamespace(quote_ident(home));
    here constant oid := (SELECT oid FROM pg_database WHERE datname = current_database());
    alters_roles constant boolean := (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user);
    known pg_roles;
    one record;
BEGIN
    IF NOT goes AND to_regclass(format('%I.%I', home, prefix || 'execution_entity')) IS NULL THEN
        RAISE EXCEPTION 'database % has no table % in schema %', current_database(), prefix || 'execution_entity', home
            USING HINT = 'Give those of n8n with -d, -v schema=NAME and -v prefix=TEXT.';
    END IF;
    SELECT * INTO known FROM pg_roles WHERE rolname = reader;
    IF known.rolsuper OR known.rolcreaterole OR known.rolcreatedb OR known.rolreplication OR known.rolbypassrls
        OR EXISTS (SELECT FROM pg_auth_members WHERE member = known.oid)
        OR EXISTS (SELECT FROM pg_shdepend WHERE refobjid = known.oid AND deptype = 'o')
    THEN
        RAISE EXCEPTION 'role % can do more than read; it stays as it is', reader
            USING HINT = 'Give a name of its own with -v role=NAME.';
    END IF;

    -- What an earlier run gave is taken away first.
    FOR one IN
        SELECT oid::regprocedure AS name FROM pg_proc WHERE pronamespace = space
            AND proname IN (prefix || 'latency_exporter_heads', prefix || 'latency_exporter_nodes')
    LOOP
        EXECUTE format('DROP FUNCTION %s', one.name);
    END LOOP;
    FOR one IN
        SELECT relname FROM pg_class WHERE known.oid IS NOT NULL AND relnamespace = space AND relname IN (
            prefix || 'execution_entity', prefix || 'execution_data', prefix || 'workflow_entity',
            prefix || 'workflow_statistics', prefix || 'workflow_statistics_delta')
    LOOP
        EXECUTE format('REVOKE ALL ON TABLE %I.%I FROM %I', home, one.relname, reader);
    END LOOP;

    IF goes THEN
        IF space IS NOT NULL AND known.oid IS NOT NULL AND NOT EXISTS (
            SELECT FROM pg_shdepend JOIN pg_class ON classid = 'pg_class'::regclass AND objid = pg_class.oid
            WHERE refobjid = known.oid AND dbid = here AND relnamespace = space)
        THEN
            EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I', home, reader);
        END IF;
        IF known.oid IS NOT NULL
            AND NOT EXISTS (SELECT FROM pg_shdepend WHERE refobjid = known.oid AND dbid = here)
        THEN
            EXECUTE format('REVOKE ALL ON DATABASE %I FROM %I', current_database(), reader);
        END IF;
        IF EXISTS (SELECT FROM pg_shdepend WHERE refobjid = known.oid) THEN
            RAISE NOTICE 'role % stays: something else is granted to it, here or in another database', reader;
        ELSIF known.oid IS NOT NULL THEN
            EXECUTE format('DROP ROLE %I', reader);
        END IF;
        RETURN;
    END IF;

    -- The role and its limits.
    IF known.oid IS NULL THEN
        EXECUTE format('CREATE ROLE %I LOGIN NOINHERIT', reader);
    END IF;
    IF alters_roles THEN
        EXECUTE format('ALTER ROLE %I LOGIN NOINHERIT CONNECTION LIMIT %s', reader, connections);
        FOR one IN
            SELECT * FROM (VALUES
                ('default_transaction_read_only', 'on'), ('statement_timeout', '30s'), ('lock_timeout', '5s'),
                ('idle_in_transaction_session_timeout', '30s')) AS limits (name, value)
        LOOP
            EXECUTE format('ALTER ROLE %I SET %I = %L', reader, one.name, one.value);
        END LOOP;
    ELSE
        RAISE WARNING 'role % keeps the limits that it has: % may not alter roles', reader, current_user;
    END IF;

    -- What it may read: of the columns that are read, those that this version of n8n has.
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), reader);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', home, reader);
    FOR one IN
        SELECT relname, string_agg(quote_ident(attname), ', ') AS columns
        FROM (VALUES
            ('execution_entity',
                '{id, workflowId, mode, status, createdAt, startedAt, stoppedAt, waitTill, deletedAt, storedAt}'),
            ('workflow_entity', '{id, name, active, isArchived, versionId}'),
            ('workflow_statistics', '{workflowId, name, count, latestEvent}'),
            ('workflow_statistics_delta', '{workflowId, name, createdAt}')) AS wanted (name, columns)
        JOIN pg_class ON relname = prefix || wanted.name AND relnamespace = space
        JOIN pg_attribute ON attrelid = pg_class.oid AND attname = ANY (wanted.columns::text[]) AND NOT attisdropped
        GROUP BY relname
    LOOP
        EXECUTE format('GRANT SELECT (%s) ON TABLE %I.%I TO %I', one.columns, home, one.relname, reader);
    END LOOP;

    -- The node level: the beginning of executions' data, and of workflows the names and types of nodes; NULL where they
    -- hold what is no JSON to PostgreSQL, such as a NUL. Each function runs as the owner of its table, and its text is
    -- looked at when it is called, so that it holds up no migration.
    IF with_nodes THEN
        FOR one IN
            SELECT prefix || made.name AS name, takes, gives, language, pg_get_userbyid(relowner) AS owner,
                format(body, format('%I.%I', home, relname)) AS body
            FROM (VALUES
                ('latency_exporter_heads', 'execution_data', 'bigint[]', 'execution bigint, head text', 'sql',
                    'SELECT "executionId"::bigint, left(data, 16384) FROM %s WHERE "executionId" = ANY ($1)'),
                ('latency_exporter_nodes', 'workflow_entity', 'text[]', 'workflow text, nodes text', 'plpgsql', $$
BEGIN
    FOR workflow, nodes IN
        SELECT id::text, CASE WHEN length(w.nodes::text) <= 524288 THEN w.nodes::text END FROM %s w WHERE id = ANY ($1)
    LOOP
        BEGIN
            nodes := (SELECT json_agg(json_build_object('name', node -> 'name', 'type', node -> 'type'))
                FROM json_array_elements(nodes::json) AS node);
        EXCEPTION WHEN data_exception THEN
            nodes := NULL;
        END;
        RETURN NEXT;
    END LOOP;
END$$)
                ) AS made (name, of_table, takes, gives, language, body)
            JOIN pg_class ON relname = prefix || of_table AND relnamespace = space
        LOOP
            EXECUTE format('CREATE FUNCTION %I.%I(%s) RETURNS TABLE (%s) LANGUAGE %s STABLE SECURITY DEFINER'
                ' SET search_path = pg_catalog, pg_temp AS %L',
                home, one.name, one.takes, one.gives, one.language, one.body);
            EXECUTE format('REVOKE ALL ON FUNCTION %I.%I(%s) FROM PUBLIC', home, one.name, one.takes);
            EXECUTE format('GRANT EXECUTE ON FUNCTION %I.%I(%s) TO %I', home, one.name, one.takes, reader);
            IF one.owner <> current_user THEN
                EXECUTE format('ALTER FUNCTION %I.%I(%s) OWNER TO %I', home, one.name, one.takes, one.owner);
            END IF;
        END LOOP;
    END IF;

    -- What is granted to everybody is this role's too, as is what somebody else granted to it.
    FOR one IN
        SELECT format('read table %s', oid::regclass) AS can FROM pg_class
        WHERE relnamespace = space AND relkind IN ('r', 'p', 'v', 'm')
            AND has_table_privilege(reader, oid, 'SELECT')
        UNION ALL
        SELECT format('create in schema %I', home) WHERE has_schema_privilege(reader, home, 'CREATE')
        UNION ALL
        SELECT 'create temporary tables' WHERE has_database_privilege(reader, current_database(), 'TEMPORARY')
    LOOP
        RAISE NOTICE 'role % can also %: that is granted to PUBLIC, or was granted to it before', reader, one.can;
    END LOOP;
END
$script$;
COMMIT;
