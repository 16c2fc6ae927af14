# Prints what is in known_state.cpp: a name, and what it is.
set print elements 10

define show_it
  echo \n$arg0\n
  output $arg1
end

show_it database accounts
show_it empty empty
show_it closed closed
show_it handle handle
show_it moved_from moved_from
show_it of_empty of_empty
show_it store $fluxmap_store(handle)
show_it old_reader old_reader
show_it writer writer
show_it doomed doomed
show_it rolled_back rolled_back
show_it moved_from_here moved_from_here
show_it moved_here moved_here
show_it chain *chain.head
show_it entry *lane.entries[98]
show_it leaving *lane.entries[97]
show_it removed *lane.entries[99]
show_it index index.list
show_it lane lane.cells
show_it lane_of_empty $fluxmap_lane(empty)
show_it cell *lane.second
show_it frozen lane.frozen
show_it dead lane.dead
