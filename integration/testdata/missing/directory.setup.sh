# Jobs that make a directory if it is not there, copy to it, and list it.
for name in a b c d; do echo $name > $name.in; done
cat > Makefile <<'END'
all: a.out b.out c.out d.out
%.out: %.in
	mkdir -p made
	cp $< made/$@
	ls made > $@
END
