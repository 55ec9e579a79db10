# shellcheck shell=bash
# To be sourced: a private server on which rowhouse is to be had by pg_tle alone. (pg_tle refuses a name that has files.)
# Where pg_tle itself is not loaded, tests/pgtle/pg_tle--0.sql stands in for it.

extension_folder() { echo "$("$PG_PREFIX_BIN/pg_config" --sharedir)/extension"; }

# pg_tle works only where it is loaded when the server starts.
has_pg_tle() {
  [[ $("$PG_PREFIX_BIN/psql" -X -q -A -t -c "SELECT current_setting('shared_preload_libraries') ~ '\\ypg_tle\\y'") == t ]]
}

# The stand-in writes files as the server's user, into the private folder.
hide_extension_files() {
  local folder
  folder=$(extension_folder)
  mkdir -p "$folder/hidden"
  mv "$folder"/rowhouse* "$folder/hidden/"
  has_pg_tle || install -m 0644 "$(dirname "${BASH_SOURCE[0]}")"/pg_tle{.control,--0.sql} "$folder/"
  chown --reference="$PGHOST" "$folder"
}

forget_extension_files() { rm -f "$(extension_folder)"/rowhouse*; }

show_extension_files() {
  forget_extension_files
  mv "$(extension_folder)"/hidden/* "$(extension_folder)/"
}

create_pg_tle() {
  local database=$1 role=$2
  "$PG_PREFIX_BIN/psql" -X -q -v ON_ERROR_STOP=1 -d "$database" -c 'SET client_min_messages = warning' \
    -c 'CREATE EXTENSION pg_tle' -c "GRANT pgtle_admin TO $role"
}
