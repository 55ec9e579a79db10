# To be sourced: a private server on which rowhouse is to be had by pg_tle alone. (pg_tle refuses a name that has files.)

extension_folder() { echo "$("$PG_PREFIX_BIN/pg_config" --sharedir)/extension"; }

hide_extension_files() {
  local folder
  folder=$(extension_folder)
  mkdir -p "$folder/hidden"
  mv "$folder"/rowhouse* "$folder/hidden/"
}

show_extension_files() {
  local folder
  folder=$(extension_folder)
  forget_stand_in_files
  mv "$folder"/hidden/* "$folder/"
}

forget_stand_in_files() { rm -f "$(extension_folder)"/rowhouse*; }

# The stand-in writes files as the server's user, into the private folder.
prepare_stand_in() {
  local database=$1 role=$2
  chown --reference="$PGHOST" "$(extension_folder)"
  "$PG_PREFIX_BIN/psql" -X -q -v ON_ERROR_STOP=1 -d "$database" -v role="$role" -f tests/pgtle/stand_in.sql
}

# pg_tle works only where it is loaded when the server starts.
has_pg_tle() {
  [[ $("$PG_PREFIX_BIN/psql" -X -q -A -t -c "SELECT current_setting('shared_preload_libraries') ~ '\ypg_tle\y'") == t ]]
}
