-- All that rowhouse has made in this database, one line a thing, without oids, owners and times: equal in two databases
-- that are to work alike. ACLs as what they mean; beside them what the server takes for the extension's own part of them,
-- since pg_dump writes the rest.
SET search_path = pg_catalog;
CREATE TEMP VIEW privilege AS
  SELECT classid, objoid, objsubid, string_agg(line, ', ' ORDER BY line COLLATE "C") AS line FROM (
    SELECT o.classid, o.objoid, o.objsubid, o.source || ' ' || CASE a.grantee WHEN 0 THEN 'PUBLIC' WHEN o.owner THEN 'owner'
        ELSE pg_get_userbyid(a.grantee) END || '=' || a.privilege_type AS line
      FROM (SELECT 'pg_proc'::regclass AS classid, oid AS objoid, 0 AS objsubid, 'now' AS source, proowner AS owner,
                coalesce(proacl, acldefault('f', proowner)) AS acl FROM pg_proc WHERE pronamespace = 'rowhouse'::regnamespace
            UNION ALL SELECT 'pg_class'::regclass, oid, 0, 'now', relowner,
                coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
              FROM pg_class WHERE relnamespace IN ('rowhouse'::regnamespace, 'app'::regnamespace) AND relkind IN ('r', 'v', 'S', 'p')
            UNION ALL SELECT 'pg_namespace'::regclass, oid, 0, 'now', nspowner, coalesce(nspacl, acldefault('n', nspowner))
              FROM pg_namespace WHERE nspname IN ('rowhouse', 'app')
            UNION ALL SELECT 'pg_proc'::regclass, p.oid, 0, 'initially', p.proowner, coalesce(i.initprivs, acldefault('f', p.proowner))
              FROM pg_proc AS p LEFT JOIN pg_init_privs AS i ON i.objoid = p.oid AND i.classoid = 'pg_proc'::regclass
              WHERE p.pronamespace = 'rowhouse'::regnamespace
            UNION ALL SELECT 'pg_class'::regclass, c.oid, 0, 'initially', c.relowner,
                coalesce(i.initprivs, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))
              FROM pg_class AS c LEFT JOIN pg_init_privs AS i ON i.objoid = c.oid AND i.classoid = 'pg_class'::regclass
              WHERE c.relnamespace = 'rowhouse'::regnamespace)
        AS o CROSS JOIN aclexplode(o.acl) AS a) AS lines
    GROUP BY classid, objoid, objsubid;

SELECT line FROM (
  SELECT format('schema %s %s %s', n.nspname, obj_description(n.oid, 'pg_namespace'), p.line)
    FROM pg_namespace AS n JOIN privilege AS p ON p.objoid = n.oid AND p.classid = 'pg_namespace'::regclass
  UNION ALL SELECT format('function %s [%s] [%s] %s', f.oid::regprocedure, obj_description(f.oid, 'pg_proc'), p.line,
      pg_get_functiondef(f.oid))
    FROM pg_proc AS f JOIN privilege AS p ON p.objoid = f.oid AND p.classid = 'pg_proc'::regclass
  UNION ALL SELECT format('relation %s %s [%s] rls %s %s [%s] %s', c.relkind, c.oid::regclass, obj_description(c.oid, 'pg_class'),
      c.relrowsecurity, c.relforcerowsecurity, p.line,
      CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid) END)
    FROM pg_class AS c JOIN privilege AS p ON p.objoid = c.oid AND p.classid = 'pg_class'::regclass
  UNION ALL SELECT format('column %s.%s %s %s %s null %s default %s [%s]', c.oid::regclass, a.attname, row_number() OVER
      (PARTITION BY c.oid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod), a.attidentity, NOT a.attnotnull,
      pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum))
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid LEFT JOIN pg_attrdef AS d ON (d.adrelid, d.adnum) = (c.oid, a.attnum)
    WHERE c.relnamespace IN ('rowhouse'::regnamespace, 'app'::regnamespace) AND c.relkind IN ('r', 'v', 'p') AND a.attnum > 0
      AND NOT a.attisdropped
  UNION ALL SELECT format('constraint %s %s %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
    FROM pg_constraint AS k WHERE k.connamespace IN ('rowhouse'::regnamespace, 'app'::regnamespace) AND k.conrelid <> 0
  UNION ALL SELECT format('index %s', pg_get_indexdef(i.indexrelid))
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid WHERE c.relnamespace IN ('rowhouse'::regnamespace, 'app'::regnamespace)
  UNION ALL SELECT format('trigger %s', pg_get_triggerdef(t.oid))
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE c.relnamespace IN ('rowhouse'::regnamespace, 'app'::regnamespace) AND NOT t.tgisinternal
  UNION ALL SELECT format('policy %s %s %s %s %s', p.polrelid::regclass, p.polname, p.polpermissive, p.polcmd,
      concat_ws(' | ', ARRAY(SELECT pg_get_userbyid(r) FROM unnest(p.polroles) AS r ORDER BY 1)::text,
        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid), obj_description(p.oid, 'pg_policy')))
    FROM pg_policy AS p
  UNION ALL SELECT format('member %s', pg_describe_object(d.classid, d.objid, d.objsubid))
    FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
    WHERE e.extname LIKE 'rowhouse%' AND d.deptype = 'e'
  UNION ALL SELECT format('dumped %s %s', k.relation::regclass, k.condition)
    FROM pg_extension AS e, unnest(e.extconfig, e.extcondition) AS k(relation, condition) WHERE e.extname = 'rowhouse'
  UNION ALL SELECT format('extension %s %s', extname, extversion) FROM pg_extension WHERE extname LIKE 'rowhouse%'
) AS things(line) ORDER BY line COLLATE "C";
