# Shows what is in known_state.cpp as tools/fluxmap.natvis would have it.
define show_it
  echo \n$arg0\n
  natvis $arg0
end

show_it accounts
show_it handle
show_it moved_from
show_it closed
show_it old_reader
show_it writer
show_it doomed
show_it rolled_back
show_it moved_from_here
show_it *chain.head
show_it *lane.entries[97]
show_it *lane.entries[98]
show_it *lane.entries[99]
show_it index.list
show_it lane.cells
show_it *lane.second
show_it lane.frozen
show_it lane.dead
