# An archive that each job updates, by a copy and a rename: updates get lost.
for name in a b c d; do echo "int $name;" > $name.c; done
cat > Makefile <<'END'
all: a.o b.o c.o d.o
%.o: %.c
	$(CC) -c $<
	cp lib lib.new 2> /dev/null || :
	cat $@ >> lib.new
	mv lib.new lib 2> /dev/null || :
END
