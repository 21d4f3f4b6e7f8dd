// LookupTables
