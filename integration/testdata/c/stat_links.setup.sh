mkdir d; echo original > a; ln a b; ln a d/c; echo second > s1; ln s1 d/s2; echo third > t1; ln t1 t2; ln t1 d/t3
