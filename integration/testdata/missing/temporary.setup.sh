# Jobs that use one name for their temporary files, as yacc does.
for name in a b c d; do echo $name > $name.y; done
cat > Makefile <<'END'
all: a.c b.c c.c d.c
%.c: %.y
	{ echo start; cat $<; } > y.tab.c
	mv y.tab.c $@ || echo lost > $@
END
